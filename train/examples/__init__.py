"""What a network is trained on: labelled sentences, their targets, teachers' scores, and batches of windows."""
