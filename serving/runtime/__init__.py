"""What runs requests: readers, batching and the server process."""
