using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.DurableTask.Client;

/// <summary>Configures clients of any kind.</summary>
public static class DurableTaskBuilderExtensions
{
    /// <summary>Configures the client's options.</summary>
    /// <param name="builder">The client's builder.</param>
    /// <param name="configure">Changes the options.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskClientBuilder Configure(
        this IDurableTaskClientBuilder builder, Action<DurableTaskClientOptions> configure)
    {
        builder.Services.Configure(builder.Name, configure);
        return builder;
    }

    /// <summary>Registers the client itself as a service; the first one wins.</summary>
    /// <param name="builder">The client's builder.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskClientBuilder RegisterDirectly(this IDurableTaskClientBuilder builder)
    {
        builder.Services.TryAddSingleton(
            services => services.GetRequiredService<IDurableTaskClientProvider>().GetClient(builder.Name));
        return builder;
    }

    /// <summary>Sets the version that orchestrations start with when none is given.</summary>
    /// <param name="builder">The client's builder.</param>
    /// <param name="version">The version.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskClientBuilder UseDefaultVersion(this IDurableTaskClientBuilder builder, string version) =>
        builder.Configure(options => options.DefaultVersion = version);

    /// <summary>Chooses the client type.</summary>
    /// <param name="builder">The client's builder.</param>
    /// <param name="target">The type.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskClientBuilder UseBuildTarget(this IDurableTaskClientBuilder builder, Type target)
    {
        builder.BuildTarget = target;
        return builder;
    }

    /// <summary>Chooses the client type.</summary>
    /// <typeparam name="TTarget">The type.</typeparam>
    /// <param name="builder">The client's builder.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskClientBuilder UseBuildTarget<TTarget>(this IDurableTaskClientBuilder builder)
        where TTarget : DurableTaskClient => builder.UseBuildTarget(typeof(TTarget));

    /// <summary>Chooses the client type and its options, which take over the common options.</summary>
    /// <typeparam name="TTarget">The type.</typeparam>
    /// <typeparam name="TOptions">Its options.</typeparam>
    /// <param name="builder">The client's builder.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskClientBuilder UseBuildTarget<TTarget, TOptions>(this IDurableTaskClientBuilder builder)
        where TTarget : DurableTaskClient
        where TOptions : DurableTaskClientOptions
    {
        builder.UseBuildTarget<TTarget>();
        builder.Services.AddOptions<TOptions>(builder.Name).PostConfigure<IOptionsMonitor<DurableTaskClientOptions>>(
            (options, common) => common.Get(builder.Name).ApplyTo(options));
        return builder;
    }
}
