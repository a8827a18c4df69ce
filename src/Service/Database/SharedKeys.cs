using Workflows.Service.Access;

namespace Workflows.Service.Database;

/// <summary>The list of keys that all services of a database share.</summary>
internal sealed class SharedKeys(DatabaseState state) : IKeyContent
{
    private const string Name = "access/keys.json";

    public string Place => $"{Name} of the database";

    public string Fix => "Look at the database of Workflows:Database.";

    public (long, long) Stamp => (state.VersionOf(Name), 0);

    public byte[]? Read() => state.Read(Name);

    public Task ChangeAsync(Func<byte[]?, byte[]> change, CancellationToken cancellation)
    {
        state.Change(Name, change);
        return Task.CompletedTask;
    }
}
