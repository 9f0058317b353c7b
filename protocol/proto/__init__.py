"""The `.proto` files of the five APIs, and the program that turns them into `protocol.pb`."""
