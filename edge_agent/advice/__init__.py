"""What came of advice: shots before it was accepted beside those after it."""
