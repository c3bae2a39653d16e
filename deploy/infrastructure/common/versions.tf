# No provider: what is the same in every cloud is decided, not made.
terraform {
  required_version = ">= 1.9"
}
