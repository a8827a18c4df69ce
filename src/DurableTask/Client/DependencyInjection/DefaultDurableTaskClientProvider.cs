namespace Microsoft.DurableTask.Client;

/// <summary>Builds each client once and disposes of them with the services.</summary>
internal sealed class DefaultDurableTaskClientProvider(
    IServiceProvider services, IEnumerable<IDurableTaskClientBuilder> builders)
    : IDurableTaskClientProvider, IAsyncDisposable, IDisposable
{
    private readonly Dictionary<string, Lazy<DurableTaskClient>> _clients = builders.ToDictionary(
        builder => builder.Name, builder => new Lazy<DurableTaskClient>(() => builder.Build(services)));

    public DurableTaskClient GetClient(string? name = null)
    {
        name ??= Extensions.Options.Options.DefaultName;
        return _clients.TryGetValue(name, out Lazy<DurableTaskClient>? client)
            ? client.Value
            : throw new ArgumentOutOfRangeException(nameof(name), name, "No Durable Task client has this name.");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Lazy<DurableTaskClient> client in _clients.Values.Where(client => client.IsValueCreated))
        {
            await client.Value.DisposeAsync();
        }
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();
}
