// Stand-ins for terraform's providers of Google Cloud and Azure: the providers' real schemas behind terraform's real
// protocol, and a folder in place of the cloud.
//
// Terraform itself holds a configuration to the schema. What a provider does beside that (defaults, what forces a
// replacement, arguments that exclude each other, computed values) stands in the overlay of each provider,
// `NAME.overlay.json`. To add what another resource needs, add to its entry under `types` there:
//
//	id            template of the resource's id; also its name in the store
//	computed      attribute or dotted path -> template of the value that the cloud would choose (see `template.go`)
//	defaults      attribute or dotted path -> value if the configuration has none
//	force_new     paths whose change replaces the resource
//	sensitive, write_only, computed_blocks
//	              paths; a computed block is one that the cloud fills in if the configuration has none
//	recompute     argument -> attributes that a change of it makes unknown
//	conflicts, exactly_one, at_least_one, together
//	              lists of groups of paths, with the errors of the providers' SDK
//	one_of        path -> accepted values
//	protected     {attribute, summary}: a delete is refused while the attribute is true
//	adopts        whether a create takes over what exists, as with members of a policy; else it is an error
//	survives      whether the cloud keeps the resource when terraform deletes it, as Google does with keys
//	follows       whether it goes with what it names, so that it holds nothing and nothing holds it
//
// What stands under `all` holds for every type that has such a path. A computed attribute without a template is null,
// an empty list or an empty map, a string `""`. A type that is not in the schema file comes from `add` of the overlay.
//
// Which provider a process is it tells by its own name, `terraform-provider-NAME_vVERSION_x5`. It lies in a filesystem
// mirror; the cloud is the folder `clouds/NAME` beside the mirror:
//
//	resources/TYPE/ID.json   what exists, by percent-encoded id (a long one is cut): take a file away and the resource has vanished, edit it
//	                         and it has drifted
//	calls.jsonl              every call with what came of it
//	starts                   a line for each start of the provider
//	provider.json            what the provider was configured with last, secrets left out
//	control.json             faults, who is let in and values, read at each call (see `control.go`)
//	schema.json              a schema that replaces the built-in one, as `terraform providers schema -json` prints it
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	name, found := strings.CutPrefix(filepath.Base(program), "terraform-provider-")
	if !found {
		return fmt.Errorf("%s is not called terraform-provider-NAME_vVERSION_x5", program)
	}
	name, _, _ = strings.Cut(name, "_")
	// MIRROR/HOST/NAMESPACE/NAME/VERSION/PLATFORM/PROGRAM
	mirror := program
	for range 6 {
		mirror = filepath.Dir(mirror)
	}
	cloud := &store{folder: filepath.Join(filepath.Dir(mirror), "clouds", name)}
	if err := cloud.started(); err != nil {
		return err
	}
	known, err := load(name, cloud)
	if err != nil {
		return err
	}
	serve := func() tfprotov5.ProviderServer { return newProvider(known, cloud) }
	return tf5server.Serve("registry.terraform.io/hashicorp/"+name, serve)
}
