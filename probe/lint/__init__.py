"""What in manifests is probably not what was meant: valid, and yet of no effect, or of more effect than it looks."""
