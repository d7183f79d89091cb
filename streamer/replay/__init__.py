"""Events files played back."""
