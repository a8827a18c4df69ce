using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.DurableTask.Client;

/// <summary>Configures one named client.</summary>
public interface IDurableTaskClientBuilder
{
    /// <summary>The client's name.</summary>
    public string Name { get; }

    /// <summary>The services it is configured in.</summary>
    public IServiceCollection Services { get; }

    /// <summary>The client type to build.</summary>
    public Type? BuildTarget { get; set; }

    /// <summary>Builds the client.</summary>
    /// <param name="serviceProvider">The services.</param>
    /// <returns>The client.</returns>
    public DurableTaskClient Build(IServiceProvider serviceProvider);
}
