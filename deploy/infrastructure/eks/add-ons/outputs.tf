output "storage_class" {
  description = "Storage class that the volumes' add-on makes."
  value       = local.add_ons["volumes"].values.storageClasses[0].name

  depends_on = [helm_release.this]
}
