"""What keeps a provider in trouble from becoming everybody's trouble."""
