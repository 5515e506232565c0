"""What a camera board sees in a picture file: read, segmented, shown."""
