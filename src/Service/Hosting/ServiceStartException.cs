namespace Workflows.Service.Hosting;

/// <summary>The exception of a service that cannot start. The message names the fault and its remedy.</summary>
public sealed class ServiceStartException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Gets a value indicating whether another process has the state folder, perhaps briefly.</summary>
    public bool IsInUse { get; init; }

    /// <summary>Gets a value indicating whether the state folder cannot be made or written.</summary>
    public bool IsFolder { get; init; }

    /// <summary>Gets a value indicating whether another process has taken a port since it was chosen.</summary>
    public bool IsPortTaken { get; init; }
}
