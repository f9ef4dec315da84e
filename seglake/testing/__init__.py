"""What an experimenter needs to prove an adapter: contract suites and the doubles they use."""
