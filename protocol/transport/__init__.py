"""The gRPC server: grpcio's core, driven from the event loop."""
