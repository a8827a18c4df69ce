using Microsoft.DurableTask.Worker.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Microsoft.DurableTask.Worker;

/// <summary>The builder that <see cref="ServiceCollectionExtensions"/> makes.</summary>
/// <param name="name">The worker's name.</param>
/// <param name="services">The services it is configured in.</param>
public class DefaultDurableTaskWorkerBuilder(string? name, IServiceCollection services) : IDurableTaskWorkerBuilder
{
    private Type? _buildTarget;

    /// <inheritdoc/>
    public string Name { get; } = name ?? Extensions.Options.Options.DefaultName;

    /// <inheritdoc/>
    public IServiceCollection Services { get; } = services;

    /// <inheritdoc/>
    public Type? BuildTarget
    {
        get => _buildTarget;
        set
        {
            if (value is not null && (value.IsAbstract || !typeof(DurableTaskWorker).IsAssignableFrom(value)))
            {
                throw new ArgumentException($"'{value}' is not a concrete {nameof(DurableTaskWorker)}.", nameof(value));
            }

            _buildTarget = value;
        }
    }

    /// <inheritdoc/>
    public IHostedService Build(IServiceProvider serviceProvider) => BuildTarget is null
        ? throw new InvalidOperationException(
            "No worker type was chosen. Call UseGrpc() on the builder given by AddDurableTaskWorker().")
        : (IHostedService)ActivatorUtilities.CreateInstance(serviceProvider, BuildTarget, Name);
}
