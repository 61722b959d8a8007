"""What is learned from many shots: whether today's still look like those a model was made from."""
