using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Microsoft.DurableTask.Worker;

/// <summary>Configures one named worker.</summary>
public interface IDurableTaskWorkerBuilder
{
    /// <summary>The worker's name.</summary>
    public string Name { get; }

    /// <summary>The services it is configured in.</summary>
    public IServiceCollection Services { get; }

    /// <summary>The worker type to build.</summary>
    public Type? BuildTarget { get; set; }

    /// <summary>Builds the worker.</summary>
    /// <param name="serviceProvider">The services.</param>
    /// <returns>The worker.</returns>
    public IHostedService Build(IServiceProvider serviceProvider);
}
