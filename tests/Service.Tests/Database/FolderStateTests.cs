using Workflows.Activities.Storage;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Database;

/// <summary>The store of one service.</summary>
public sealed class FolderStateTests : StateStoreTests
{
    private readonly TemporaryFolder _folder = new("workflows-state-");

    protected override Task<IStateStore> OpenAsync() => ReopenAsync();

    protected override Task<IStateStore> ReopenAsync() =>
        Task.FromResult<IStateStore>(new FolderState(_folder["state"]));

    protected override Task CloseAsync()
    {
        _folder.Dispose();
        return Task.CompletedTask;
    }
}
