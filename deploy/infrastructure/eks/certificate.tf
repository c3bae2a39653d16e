# Load balancers terminate the API's TLS with it. The key never leaves the cloud.
resource "aws_acm_certificate" "gateway" {
  domain_name       = var.hostname
  validation_method = "DNS"
  tags              = local.tags

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  # One name, one record that proves it.
  certificate_record = one(aws_acm_certificate.gateway.domain_validation_options)
}

resource "aws_route53_record" "certificate" {
  count = local.is_managed_dns ? 1 : 0

  zone_id         = var.route53_zone_id
  name            = local.certificate_record.resource_record_name
  type            = local.certificate_record.resource_record_type
  records         = [local.certificate_record.resource_record_value]
  ttl             = 60
  allow_overwrite = true
}

# A load balancer takes a certificate only once it is issued.
resource "aws_acm_certificate_validation" "gateway" {
  count = local.is_managed_dns ? 1 : 0

  certificate_arn         = aws_acm_certificate.gateway.arn
  validation_record_fqdns = [aws_route53_record.certificate[0].fqdn]
}
