using Google.Cloud.Tpu.V2;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>Connects to the Cloud TPU API of a run: Google's, or the emulator's in rehearsal. Thread-safe.</summary>
public interface ITpuCloud
{
    /// <summary>Returns the connection for a run.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A shared connection; not to be disposed.</returns>
    /// <exception cref="RunFaultException">No credentials were found.</exception>
    public Task<TpuConnection> ConnectAsync(RunSpec spec, CancellationToken cancellationToken) =>
        ConnectAsync(spec.Project, spec.IsRehearsal, cancellationToken);

    /// <summary>Returns the connection for a project.</summary>
    /// <param name="project">The project that pays.</param>
    /// <param name="isRehearsal">true for the emulator.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A shared connection; not to be disposed.</returns>
    /// <exception cref="RunFaultException">No credentials were found.</exception>
    public Task<TpuConnection> ConnectAsync(string project, bool isRehearsal, CancellationToken cancellationToken);
}
