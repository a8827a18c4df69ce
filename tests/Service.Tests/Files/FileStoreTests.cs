using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Files;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Files;

/// <summary>What the store keeps and gives up beside the calls of the API.</summary>
public sealed class FileStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ServiceSettings _settings;
    private readonly RunLedger _ledger;

    public FileStoreTests()
    {
        _settings = new ServiceSettings { StateDirectory = _folder.Path };
        _ledger = new RunLedger(_folder.Path, TimeProvider.System);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Put_WhereThereIsRoomForNothing_IsRefusedAsFull()
    {
        _settings.Uploads.AllGibibytes = 0;

        var refused = await Assert.ThrowsAsync<FileRefusedException>(() => PutAsync(Open(), "a.tsv", "하나\tone\n"));

        Assert.Equal("FILES_FULL", refused.Code);
    }

    [Fact]
    public async Task Open_AfterAnEndInTheMiddleOfAChange_CollectsWhatNobodyNeeds()
    {
        var store = Open();
        var kept = await PutAsync(store, "kept.tsv", "하나\tone\n");
        var orphan = await PutAsync(store, "orphan.tsv", "둘\ttwo\n");

        // The name is gone, and the service ended before its content was.
        File.Delete(_folder["files/names/orphan.tsv.json"]);
        store = Open();

        Assert.False(File.Exists(store.PathOf(orphan)));
        Assert.True(File.Exists(store.PathOf(kept)));
        Assert.Equal(kept.Bytes, store.Bytes);
    }

    [Fact]
    public async Task LetGo_OfAStartThatCameSecond_LeavesTheFilesOfTheFirst()
    {
        var store = Open();
        var uploads = new UploadReferences(store);
        var first = await PutAsync(store, "first.tsv", "하나\tone\n");
        var second = await PutAsync(store, "second.tsv", "둘\ttwo\n");
        uploads.Hold(SpecOf(store.PathOf(first)));

        var letGo = uploads.Hold(SpecOf(store.PathOf(second)));
        letGo();

        Assert.Equal(["nightly"], store.UsesOf([first])[first]);
        Assert.Empty(store.UsesOf([second])[second]);
    }

    private FileStore Open() => new(_settings, _ledger, TimeProvider.System, NullLogger<FileStore>.Instance);

    private static async Task<UploadedFile> PutAsync(FileStore store, string name, string text)
    {
        using var body = new MemoryStream(Encoding.UTF8.GetBytes(text));
        return (await store.PutAsync(name, body, null, null, onlyNew: false, "a test", Cancellation)).File;
    }

    private static RunSpec SpecOf(string train) => new()
    {
        RunId = new RunId("nightly"),
        Name = "nightly",
        Project = "p",
        Direction = RunDirection.KoToEn,
        Model = "m",
        Prompt = "brief",
        Data = new DataSpec { Train = train },
        Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-1"], Zones = ["us-west4-a"] },
        Training = new TrainingSpec(),
        Evaluation = new EvaluationSpec(),
        BudgetUsd = 1,
    };
}
