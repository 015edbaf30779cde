# Certificates for libvirt's and QEMU's TLS: `certificate FILE KEY VALUE`.
[ "$ROLE" = hypervisor ] || exit 0
command -v openssl >/dev/null || { echo "absent openssl"; exit 0; }
for file in /etc/pki/libvirt/servercert.pem /etc/pki/qemu/server-cert.pem /etc/pki/qemu/ca-cert.pem /etc/pki/CA/cacert.pem; do
  [ -e $file ] || continue
  openssl x509 -in $file -noout -enddate -subject 2>&1 | sed "s/=/ /; s,^,certificate $file ,"
  openssl x509 -in $file -noout -ext subjectAltName 2>/dev/null | sed -n "s,^ *\(DNS\|IP\),certificate $file names \1,p"
  openssl x509 -in $file -noout -checkend 0 >/dev/null 2>&1 || echo "certificate $file expired yes"
done
for pair in "/etc/pki/qemu/ca-cert.pem /etc/pki/qemu/server-cert.pem" "/etc/pki/CA/cacert.pem /etc/pki/libvirt/servercert.pem"; do
  set -- $pair
  [ -e $1 ] && [ -e $2 ] && { openssl verify -CAfile $1 $2 2>&1 | tail -n 1 | sed "s,^,verified ,"; }
done
for file in /etc/pki/qemu/ca-cert.pem /etc/pki/CA/cacert.pem; do
  [ -e $file ] && echo "fingerprint $file $(openssl x509 -in $file -noout -fingerprint -sha256 2>/dev/null | cut -d = -f 2)"
done
exit 0
