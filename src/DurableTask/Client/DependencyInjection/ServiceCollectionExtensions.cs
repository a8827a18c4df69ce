using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.DurableTask.Client;

/// <summary>Adds Durable Task clients to services.</summary>
public static class ServiceCollectionExtensions
{
    /// <summary>Adds a client, or continues to configure it.</summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The client's name; null for the default client, which is also registered as itself.</param>
    /// <returns>The client's builder.</returns>
    public static IDurableTaskClientBuilder AddDurableTaskClient(this IServiceCollection services, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        name ??= Options.DefaultName;
        IDurableTaskClientBuilder? known = services
            .Select(service => service.IsKeyedService ? null : service.ImplementationInstance)
            .OfType<IDurableTaskClientBuilder>()
            .FirstOrDefault(builder => builder.Name == name);
        if (known is not null)
        {
            return known;
        }

        var added = new DefaultDurableTaskClientBuilder(name, services);
        services.AddSingleton<IDurableTaskClientBuilder>(added);
        services.TryAddSingleton<IDurableTaskClientProvider, DefaultDurableTaskClientProvider>();
        services.AddOptions<DurableTaskClientOptions>(name).PostConfigure<IServiceProvider>((options, provider) =>
        {
            if (!options.DataConverterExplicitlySet && provider.GetService<DataConverter>() is { } converter)
            {
                options.DataConverter = converter;
            }
        });
        if (name == Options.DefaultName)
        {
            added.RegisterDirectly();
        }

        return added;
    }

    /// <summary>Adds and configures the default client.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Configures the client.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddDurableTaskClient(
        this IServiceCollection services, Action<IDurableTaskClientBuilder> configure) =>
        services.AddDurableTaskClient(Options.DefaultName, configure);

    /// <summary>Adds and configures a client.</summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The client's name.</param>
    /// <param name="configure">Configures the client.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddDurableTaskClient(
        this IServiceCollection services, string name, Action<IDurableTaskClientBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(services.AddDurableTaskClient(name));
        return services;
    }
}
