namespace Workflows.Service.Hosting;

/// <summary>
/// Keeps a second service out of the state folder if the engine, which locks its own file, is elsewhere. The system
/// releases the lock when its holder dies.
/// </summary>
internal sealed class StateLock(ServiceSettings settings) : IHostedService, IDisposable
{
    private FileStream? _file;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            _file = new FileStream(
                Path.Combine(settings.StateDirectory, "service.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite,
                FileShare.None);
            return Task.CompletedTask;
        }
        catch (IOException exception)
        {
            throw new ServiceStartException(
                $"The state in '{settings.StateDirectory}' cannot be opened: another process uses it. Stop that one, "
                + "or name another folder in Workflows:StateDirectory.", exception);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _file?.Dispose();
}
