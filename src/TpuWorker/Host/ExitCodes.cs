namespace Workflows.TpuWorker.Host;

/// <summary>Exit codes of the worker's process.</summary>
internal static class ExitCodes
{
    /// <summary>The worker was stopped.</summary>
    public const int Stopped = 0;

    /// <summary>The metadata server does not have the run's settings.</summary>
    public const int NotConfigured = 2;

    /// <summary>The gateway refused this node, because it was released.</summary>
    public const int Refused = 3;

    /// <summary>The service was unreachable for too long, so that the VM must not continue to cost money.</summary>
    public const int Abandoned = 4;
}
