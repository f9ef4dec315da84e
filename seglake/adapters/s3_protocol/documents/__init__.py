"""One module for each document of a bucket or object configuration: parsed strictly, written in AWS's order."""
