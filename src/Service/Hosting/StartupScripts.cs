namespace Workflows.Service.Hosting;

/// <summary>What a TPU VM runs when it boots.</summary>
internal static class StartupScripts
{
    /// <summary>
    /// Starts the worker's container, and powers the VM's own timer: a worker that ends for good shuts the VM down.
    /// The image is the one that infra/worker.Dockerfile builds.
    /// </summary>
    public const string Default = """
        #!/bin/bash
        set -u
        attribute() { curl -sf -H 'Metadata-Flavor: Google' \
          "http://metadata.google.internal/computeMetadata/v1/instance/attributes/$1"; }
        image="$(attribute workflows-image || echo workflows-tpu-worker:latest)"
        shutdown -h +1440 'The longest life of a workflow VM is a day.'
        docker run --rm --privileged --net=host "$image"
        shutdown -h now
        """;
}
