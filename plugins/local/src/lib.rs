//! Infrastructure without a cloud, and a secret store in one sealed file.
