package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"
)

// A template is any JSON value; in its texts stands
//
//	${argument}         another root attribute of the resource, as a whole value if the text holds nothing else
//	${provider.name}    of the provider's configuration, or of the environment that it reads
//	${@ipv4}            an address nobody else has, of the networks that the cloud was told
//	${@uuid} ${@hex8} ${@hex16} ${@number} ${@time}
//	${@ca} ${@ca64}     a new certificate authority in PEM, and that in base64
//	${@labels}          labels of the resource and of the provider, as the Google provider merges them
//
// and after a `|` a function: `squeeze` (lower case, no blanks), `last` (behind the last `/`), `region` (of a zone).
var placeholder = regexp.MustCompile(`\$\{([^}]+)\}`)

// A maker fills in what the cloud chooses.
type maker struct {
	provider map[string]any
	cloud    *store
	resource *resource
	forced   map[string]any
}

// fill replaces what is unknown in a planned value. Templates may stand on each other.
func (m *maker) fill(planned map[string]any) (map[string]any, error) {
	made := object(copied(planned))
	for range 6 {
		if err := m.fillBlock(m.resource.block, "", made, made, false); err != nil {
			return nil, err
		}
	}
	if err := m.fillBlock(m.resource.block, "", made, made, true); err != nil {
		return nil, err
	}
	for path, value := range m.forced {
		made[path] = copied(value)
	}
	return made, nil
}

// Test networks of RFC 5737, from which no real host answers.
var testNetworks = []string{"203.0.113", "198.51.100", "192.0.2"}

func (m *maker) address() (any, error) {
	told, err := m.cloud.control()
	if err != nil {
		return nil, err
	}
	networks := told.Networks
	if len(networks) == 0 {
		networks = testNetworks
	}
	number, err := m.cloud.next("addresses")
	return fmt.Sprintf("%s.%d", networks[number/254%len(networks)], number%254+1), err
}

// fillBlock gives what has no template an empty value in the last pass.
func (m *maker) fillBlock(b *block, prefix string, root, made map[string]any, last bool) error {
	for name, found := range b.Attributes {
		if made[name] != (any)(unknown{}) {
			continue
		}
		value, err := m.value(prefix+name, root)
		if err != nil {
			return err
		}
		if !isWhole(value) && last {
			value = empty(found.Type)
		}
		if isWhole(value) {
			made[name] = value
		}
	}
	for name, inner := range b.Blocks {
		path := prefix + name
		if made[name] == (any)(unknown{}) {
			value, err := m.value(path, root)
			if err != nil {
				return err
			}
			switch {
			case isWhole(value):
				made[name] = value
			case last:
				made[name] = []any{}
			}
		}
		elements := list(made[name])
		if element := object(made[name]); element != nil {
			elements = []any{element}
		}
		for _, element := range elements {
			if element := object(element); element != nil {
				if err := m.fillBlock(inner.Block, path+".", root, element, last); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// value is what the overlay says; unknown if it says nothing or not yet.
func (m *maker) value(path string, root map[string]any) (any, error) {
	if path == "id" && m.resource.rules.ID != "" {
		return m.expand(m.resource.rules.ID, root)
	}
	template, found := m.resource.rules.Computed[path]
	if !found {
		return unknown{}, nil
	}
	return m.expandAll(template, root)
}

func (m *maker) expandAll(template any, root map[string]any) (any, error) {
	switch template := template.(type) {
	case string:
		return m.expand(template, root)
	case []any:
		made := make([]any, len(template))
		for index, part := range template {
			var err error
			if made[index], err = m.expandAll(part, root); err != nil {
				return nil, err
			}
		}
		return made, nil
	case map[string]any:
		made := map[string]any{}
		for name, part := range template {
			var err error
			if made[name], err = m.expandAll(part, root); err != nil {
				return nil, err
			}
		}
		return made, nil
	default:
		return template, nil
	}
}

func (m *maker) expand(template string, root map[string]any) (any, error) {
	if whole := placeholder.FindStringSubmatch(template); whole != nil && whole[0] == template {
		return m.lookUp(whole[1], root)
	}
	// What stands on something unknown is looked at again; nothing is used up until all of it is known.
	for _, found := range placeholder.FindAllStringSubmatch(template, -1) {
		if strings.HasPrefix(found[1], "@") {
			continue
		}
		if value, err := m.lookUp(found[1], root); err != nil || !isWhole(value) {
			return unknown{}, err
		}
	}
	var failed error
	made := placeholder.ReplaceAllStringFunc(template, func(found string) string {
		value, err := m.lookUp(found[2:len(found)-1], root)
		if err != nil {
			failed = err
		}
		if value == nil {
			return ""
		}
		return fmt.Sprint(value)
	})
	return made, failed
}

func (m *maker) lookUp(name string, root map[string]any) (any, error) {
	name, function, _ := strings.Cut(name, "|")
	value, err := m.named(name, root)
	text, isText := value.(string)
	if err != nil || function == "" || !isText {
		return value, err
	}
	switch function {
	case "squeeze":
		return strings.ToLower(strings.ReplaceAll(text, " ", "")), nil
	case "last":
		return text[strings.LastIndex(text, "/")+1:], nil
	case "region":
		if parts := strings.Split(text, "-"); len(parts) > 2 {
			return strings.Join(parts[:2], "-"), nil
		}
		return text, nil
	default:
		return nil, fmt.Errorf("no function %s for a template", function)
	}
}

func (m *maker) named(name string, root map[string]any) (any, error) {
	if inner, found := strings.CutPrefix(name, "provider."); found {
		return m.provider[inner], nil
	}
	generator, isGenerator := strings.CutPrefix(name, "@")
	if !isGenerator {
		if found := values(root, name); len(found) > 0 {
			return found[0], nil
		}
		if attribute, block := m.resource.block.at(name); attribute == nil && block == nil {
			return nil, fmt.Errorf("%s has no %s for a template", m.resource.name, name)
		}
		return nil, nil
	}
	switch generator {
	case "ipv4":
		return m.address()
	case "uuid":
		id := hexOf(16)
		return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-"), nil
	case "hex8":
		return hexOf(4), nil
	case "hex16":
		return hexOf(8), nil
	case "number":
		number, err := m.cloud.next("numbers")
		return json.Number(fmt.Sprint(100000000000 + number)), err
	case "time":
		return time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), nil
	case "ca", "ca64":
		authority, err := newAuthority(m.resource.name)
		if generator == "ca64" {
			authority = base64.StdEncoding.EncodeToString([]byte(authority))
		}
		return authority, err
	case "labels":
		merged := map[string]any{}
		for _, labels := range []any{m.provider["default_labels"], root["labels"]} {
			for label, value := range object(labels) {
				merged[label] = value
			}
		}
		if attribution, isSet := m.provider["add_terraform_attribution_label"].(bool); !isSet || attribution {
			merged["goog-terraform-provisioned"] = "true"
		}
		return merged, nil
	default:
		return nil, fmt.Errorf("no generator @%s for a template", generator)
	}
}

// empty is what a provider says where the cloud says nothing.
func empty(kind json.RawMessage) any {
	switch text := strings.TrimSpace(string(kind)); {
	case text == `"string"`:
		return ""
	case text == `"bool"`:
		return false
	case text == `"number"`:
		return json.Number("0")
	case strings.HasPrefix(text, `["map"`):
		return map[string]any{}
	case strings.HasPrefix(text, `["list"`), strings.HasPrefix(text, `["set"`):
		return []any{}
	default:
		return nil
	}
}

func hexOf(n int) string {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // It never fails.
	return hex.EncodeToString(bytes)
}

// newAuthority is the certificate of an authority whose key is thrown away.
func newAuthority(name string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(5, 0, 0),
		IsCA:         true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
