"""What a publisher reads and decides: questions and answers, the scope, the analysis report."""
