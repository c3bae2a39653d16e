package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Storage classes with these provisioners are served. The second is what the controller manager's own hostPath
// provisioner is called; that one is off, since it makes folders in /tmp and nowhere else.
const (
	provisioner     = "hangar.test/folder"
	provisionerHost = "kubernetes.io/host-path"
)

const (
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	// Everything is looked at again this often, which is what retries whatever failed.
	resync = 2 * time.Second
)

// volumes gives each claim a folder of its own as a hostPath volume, and takes both away after the claim.
// The controller manager does the binding, as for any external provisioner.
type volumes struct {
	ctx    context.Context
	client kubernetes.Interface
	folder string
}

func provisionVolumes(ctx context.Context, client kubernetes.Interface, folder string) {
	v := volumes{ctx, client, folder}
	factory := informers.NewSharedInformerFactory(client, resync)
	watch(factory.Core().V1().PersistentVolumeClaims().Informer(), v.provision)
	watch(factory.Core().V1().PersistentVolumes().Informer(), v.reclaim)
	factory.Start(ctx.Done())
}

// watch runs handle on each object as it appears, changes and at each resync.
func watch[T any](informer cache.SharedIndexInformer, handle func(T) error) {
	on := func(object any) {
		if err := handle(object.(T)); err != nil {
			fmt.Fprintln(os.Stderr, "volumes:", err)
		}
	}
	handler := cache.ResourceEventHandlerFuncs{AddFunc: on, UpdateFunc: func(_, object any) { on(object) }}
	if _, err := informer.AddEventHandler(handler); err != nil {
		fmt.Fprintln(os.Stderr, "volumes:", err)
	}
}

func (v volumes) provision(claim *core.PersistentVolumeClaim) error {
	className := claim.Spec.StorageClassName
	if claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil || className == nil || *className == "" {
		return nil
	}
	class, err := v.client.StorageV1().StorageClasses().Get(v.ctx, *className, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if class.Provisioner != provisioner && class.Provisioner != provisionerHost {
		return nil
	}
	name := "pvc-" + string(claim.UID)
	path := filepath.Join(v.folder, name)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	kind := core.HostPathDirectoryOrCreate
	policy := core.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	_, err = v.client.CoreV1().PersistentVolumes().Create(v.ctx, &core.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: provisioner}},
		Spec: core.PersistentVolumeSpec{
			AccessModes: claim.Spec.AccessModes,
			Capacity:    core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			ClaimRef: &core.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeReclaimPolicy: policy,
			PersistentVolumeSource:        core.PersistentVolumeSource{HostPath: &core.HostPathVolumeSource{Path: path, Type: &kind}},
			StorageClassName:              class.Name,
			VolumeMode:                    claim.Spec.VolumeMode,
		},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func (v volumes) reclaim(volume *core.PersistentVolume) error {
	if volume.Status.Phase != core.VolumeReleased || volume.Annotations[provisionedBy] != provisioner ||
		volume.Spec.PersistentVolumeReclaimPolicy != core.PersistentVolumeReclaimDelete || volume.DeletionTimestamp != nil {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(v.folder, volume.Name)); err != nil {
		return err
	}
	err := v.client.CoreV1().PersistentVolumes().Delete(v.ctx, volume.Name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
