"""What is measured on programs and trained models: times, operators, memory, gates, mistakes."""
