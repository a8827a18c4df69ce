namespace Workflows.TpuWorker.Host;

/// <summary>How the worker's process ends.</summary>
internal static class ExitCodes
{
    /// <summary>Told to stop.</summary>
    public const int Stopped = 0;

    /// <summary>The metadata server does not say which run this is.</summary>
    public const int NotConfigured = 2;

    /// <summary>The gateway refused this node: it was given back.</summary>
    public const int Refused = 3;

    /// <summary>The service was out of reach for too long; nobody would notice what this VM does, or costs.</summary>
    public const int Abandoned = 4;
}
