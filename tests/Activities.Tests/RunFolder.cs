using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests;

/// <summary>A run's folder and the sample's own model, for activities that need both.</summary>
public abstract class RunFolder : IDisposable
{
    protected static readonly RunId Id = new("r");

    private readonly TemporaryFolder _folder = new();

    protected RunFolder() => Ledger = new RunLedger(Folder, TimeProvider.System);

    protected string Folder => _folder.Path;

    protected RunLedger Ledger { get; }

    protected string SampleModel { get; } = Checkout.PathOf("samples", "tiny-gemma3");

    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    protected RunSpec Spec(RunDirection direction = RunDirection.KoToEn) => new()
    {
        RunId = Id,
        Name = "r",
        Project = "p",
        Direction = direction,
        Model = SampleModel,
        Data = new DataSpec { Train = Write("train.tsv", Pairs(100)) },
        Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"] },
        IsRehearsal = true,
    };

    protected string Write(string name, IEnumerable<string> lines)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllLines(path, lines);
        return path;
    }

    protected static IEnumerable<string> Pairs(int count, int first = 1) =>
    [
        "ko\ten", .. Enumerable.Range(first, count).Select(each => $"나는 {each}번 버스를 탑니다.\tI take bus number {each}."),
    ];
}
