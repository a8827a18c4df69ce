using Microsoft.DurableTask.Worker.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using VersioningOptions = Microsoft.DurableTask.Worker.DurableTaskWorkerOptions.VersioningOptions;

namespace Microsoft.DurableTask.Worker;

/// <summary>Configures workers.</summary>
public static partial class DurableTaskWorkerBuilderExtensions
{
    /// <summary>Registers orchestrators and activities.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <param name="configure">Adds the tasks.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder AddTasks(
        this IDurableTaskWorkerBuilder builder, Action<DurableTaskRegistry> configure)
    {
        builder.Services.Configure(builder.Name, configure);
        return builder;
    }

    /// <summary>Configures the worker's options.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <param name="configure">Changes the options.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder Configure(
        this IDurableTaskWorkerBuilder builder, Action<DurableTaskWorkerOptions> configure)
    {
        builder.Services.Configure(builder.Name, configure);
        return builder;
    }

    /// <summary>Chooses the worker type.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <param name="target">The type.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseBuildTarget(this IDurableTaskWorkerBuilder builder, Type target)
    {
        builder.BuildTarget = target;
        return builder;
    }

    /// <summary>Chooses the worker type.</summary>
    /// <typeparam name="TTarget">The type.</typeparam>
    /// <param name="builder">The worker's builder.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseBuildTarget<TTarget>(this IDurableTaskWorkerBuilder builder)
        where TTarget : DurableTaskWorker => builder.UseBuildTarget(typeof(TTarget));

    /// <summary>Chooses the worker type and its options, which take over the common options.</summary>
    /// <typeparam name="TTarget">The type.</typeparam>
    /// <typeparam name="TOptions">Its options.</typeparam>
    /// <param name="builder">The worker's builder.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseBuildTarget<TTarget, TOptions>(this IDurableTaskWorkerBuilder builder)
        where TTarget : DurableTaskWorker
        where TOptions : DurableTaskWorkerOptions
    {
        builder.UseBuildTarget<TTarget>();
        builder.Services.AddOptions<TOptions>(builder.Name).PostConfigure<IOptionsMonitor<DurableTaskWorkerOptions>>(
            (options, common) => common.Get(builder.Name).ApplyTo(options));
        return builder;
    }

    /// <summary>Says which versions the worker runs.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <param name="versionOptions">The versions.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseVersioning(
        this IDurableTaskWorkerBuilder builder, VersioningOptions versionOptions) =>
        builder.Configure(options =>
        {
            options.IsVersioningSet = true;
            options.Versioning = new VersioningOptions
            {
                Version = versionOptions.Version,
                DefaultVersion = versionOptions.DefaultVersion,
                MatchStrategy = versionOptions.MatchStrategy,
                FailureStrategy = versionOptions.FailureStrategy,
            };
        });

    /// <summary>Asks a filter, made from the services, before each episode.</summary>
    /// <typeparam name="TOrchestrationFilter">The filter.</typeparam>
    /// <param name="builder">The worker's builder.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseOrchestrationFilter<TOrchestrationFilter>(
        this IDurableTaskWorkerBuilder builder)
        where TOrchestrationFilter : class, IOrchestrationFilter
    {
        builder.Services.AddSingleton<IOrchestrationFilter, TOrchestrationFilter>();
        return builder;
    }

    /// <summary>Asks a filter before each episode.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <param name="filter">The filter.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseOrchestrationFilter(
        this IDurableTaskWorkerBuilder builder, IOrchestrationFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        builder.Services.AddSingleton(filter);
        return builder;
    }

    /// <summary>Asks the engine for the registered tasks only.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseWorkItemFilters(this IDurableTaskWorkerBuilder builder)
    {
        builder.Services.AddOptions<DurableTaskWorkerWorkItemFilters>(builder.Name)
            .PostConfigure<IOptionsMonitor<DurableTaskRegistry>>((filters, registries) =>
                Set(filters, DurableTaskWorkerWorkItemFilters.FromRegistry(registries.Get(builder.Name))));
        return builder;
    }

    /// <summary>Asks the engine for some tasks only.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <param name="workItemFilters">The tasks; null for all.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseWorkItemFilters(
        this IDurableTaskWorkerBuilder builder, DurableTaskWorkerWorkItemFilters? workItemFilters)
    {
        builder.Services.AddOptions<DurableTaskWorkerWorkItemFilters>(builder.Name)
            .PostConfigure(filters => Set(filters, workItemFilters ?? new()));
        return builder;
    }

    private static void Set(DurableTaskWorkerWorkItemFilters target, DurableTaskWorkerWorkItemFilters source)
    {
        target.Orchestrations = source.Orchestrations;
        target.Activities = source.Activities;
        target.Entities = source.Entities;
    }
}
