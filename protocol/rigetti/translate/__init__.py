"""Messages of the Controller API, to and from the words of the kernel and of the quantum engine."""
