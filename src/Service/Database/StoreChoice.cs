using Workflows.Activities.Provisioning;
using Workflows.Activities.Storage;
using Workflows.Service.Hosting;

namespace Workflows.Service.Database;

/// <summary>Chooses the store of the state by the settings.</summary>
internal static class StoreChoice
{
    /// <summary>Most time from the first fault of the database for which runs wait for it: a restart takes seconds, and
    /// going over to a replica a minute.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Adds the store, and the secrets of nodes, which are in it.</summary>
    /// <param name="services">The services.</param>
    /// <param name="settings">The settings.</param>
    /// <exception cref="ServiceStartException">The settings do not fit together, or the connection string is not
    /// valid.</exception>
    public static void Add(IServiceCollection services, ServiceSettings settings)
    {
        if (!settings.IsShared)
        {
            services.AddSingleton<IStateStore>(_ => new FolderState(settings.StateDirectory));
            services.AddSingleton(_ => new NodeSecrets(settings.StateDirectory));
            return;
        }

        if (settings.UsesEmbeddedEngine)
        {
            throw new ServiceStartException(
                "Workflows:Database is for services that share an engine, and this one has its own. Set "
                + "Workflows:DurableTaskConnectionString, or leave Workflows:Database out.");
        }

        services.AddSingleton(provider => Access(
            settings.Database!, Patience,
            provider.GetRequiredService<ILoggerFactory>().CreateLogger("Workflows.Database")));
        services.AddSingleton(provider => Open(provider.GetRequiredService<DatabaseAccess>()));
        services.AddSingleton<IStateStore>(provider => provider.GetRequiredService<DatabaseState>());
        services.AddSingleton(provider => NodeSecrets.Shared(provider.GetRequiredService<IStateStore>()));

        // Before the other parts: an unusable database is told by one message.
        services.AddHostedService<DatabaseStart>();
        services.AddSingleton<OtherServices>();
        services.AddHostedService(provider => provider.GetRequiredService<OtherServices>());
    }

    /// <summary>Opens the store of a connection string, for a command beside the services.</summary>
    /// <param name="connection">The connection string.</param>
    /// <param name="logger">Receives the faults of the connection.</param>
    /// <exception cref="ServiceStartException">The database cannot be used.</exception>
    public static DatabaseState Open(string connection, ILogger logger) =>
        Open(Access(connection, DatabaseAccess.StartPatience, logger));

    private static DatabaseState Open(DatabaseAccess access)
    {
        try
        {
            return new DatabaseState(access);
        }
        catch (DatabaseException exception)
        {
            throw new ServiceStartException(
                $"{exception.Message.TrimEnd('.')}. Check Workflows:Database and that server.", exception);
        }
    }

    private static DatabaseAccess Access(string connection, TimeSpan patience, ILogger logger)
    {
        try
        {
            return new DatabaseAccess(connection, patience, logger);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException)
        {
            // Its message may repeat the value with the password.
            throw new ServiceStartException(
                "The setting 'Workflows:Database' cannot be used: it is no connection string of Npgsql, such as "
                + "Host=db;Database=workflows;Username=workflows;Password=... A value with a semicolon or an equals "
                + "sign needs quotes. docs/operations.md describes it.");
        }
    }

    /// <summary>Opens the database when the service starts, and not at the first request.</summary>
    private sealed class DatabaseStart(IServiceProvider provider) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            provider.GetRequiredService<DatabaseState>();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
