"""Function processes that tests start: good ones and bad ones."""
