using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.DurableTask.Client;

/// <summary>The builder that <see cref="ServiceCollectionExtensions"/> makes.</summary>
/// <param name="name">The client's name.</param>
/// <param name="services">The services it is configured in.</param>
public class DefaultDurableTaskClientBuilder(string? name, IServiceCollection services) : IDurableTaskClientBuilder
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
            if (value is not null && (value.IsAbstract || !typeof(DurableTaskClient).IsAssignableFrom(value)))
            {
                throw new ArgumentException($"'{value}' is not a concrete {nameof(DurableTaskClient)}.", nameof(value));
            }

            _buildTarget = value;
        }
    }

    /// <inheritdoc/>
    public DurableTaskClient Build(IServiceProvider serviceProvider) => BuildTarget is null
        ? throw new InvalidOperationException(
            "No client type was chosen. Call UseGrpc() on the builder given by AddDurableTaskClient().")
        : (DurableTaskClient)ActivatorUtilities.CreateInstance(serviceProvider, BuildTarget, Name);
}
