using Microsoft.Extensions.Hosting;

namespace Microsoft.DurableTask.Worker.Hosting;

/// <summary>Base class of workers: hosted services that run orchestrators and activities for an engine.</summary>
public abstract class DurableTaskWorker : BackgroundService
{
    /// <summary>Makes a worker.</summary>
    /// <param name="name">The worker's name; null for the default worker.</param>
    protected DurableTaskWorker(string? name) => Name = name ?? Extensions.Options.Options.DefaultName;

    /// <summary>The worker's name.</summary>
    protected virtual string Name { get; }
}
