using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Microsoft.DurableTask.Worker;

/// <summary>Adds Durable Task workers to services.</summary>
public static class ServiceCollectionExtensions
{
    /// <summary>Adds a worker, or continues to configure it. It runs with the host.</summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The worker's name; null for the default worker.</param>
    /// <returns>The worker's builder.</returns>
    public static IDurableTaskWorkerBuilder AddDurableTaskWorker(this IServiceCollection services, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        name ??= Options.DefaultName;
        IDurableTaskWorkerBuilder? known = services
            .Select(service => service.IsKeyedService ? null : service.ImplementationInstance)
            .OfType<IDurableTaskWorkerBuilder>()
            .FirstOrDefault(builder => builder.Name == name);
        if (known is not null)
        {
            return known;
        }

        var added = new DefaultDurableTaskWorkerBuilder(name, services);
        services.AddSingleton<IDurableTaskWorkerBuilder>(added);
        services.AddOptions<DurableTaskWorkerOptions>(name).PostConfigure<IServiceProvider>((options, provider) =>
        {
            if (!options.DataConverterExplicitlySet && provider.GetService<DataConverter>() is { } converter)
            {
                options.DataConverter = converter;
            }
        });
        services.AddSingleton(added.Build);
        return added;
    }

    /// <summary>Adds and configures the default worker.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Configures the worker.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddDurableTaskWorker(
        this IServiceCollection services, Action<IDurableTaskWorkerBuilder> configure) =>
        services.AddDurableTaskWorker(Options.DefaultName, configure);

    /// <summary>Adds and configures a worker.</summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The worker's name.</param>
    /// <param name="configure">Configures the worker.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddDurableTaskWorker(
        this IServiceCollection services, string name, Action<IDurableTaskWorkerBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(services.AddDurableTaskWorker(name));
        return services;
    }
}
