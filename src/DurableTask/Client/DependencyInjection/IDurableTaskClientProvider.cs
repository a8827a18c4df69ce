namespace Microsoft.DurableTask.Client;

/// <summary>Gives clients by name.</summary>
public interface IDurableTaskClientProvider
{
    /// <summary>Gets a client.</summary>
    /// <param name="name">Its name; null for the default client.</param>
    /// <returns>The client; it belongs to the provider.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No client of this name was added.</exception>
    public DurableTaskClient GetClient(string? name = null);
}
