using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests;

/// <summary>A run's folder and the sample's own model, for activities that need both.</summary>
public abstract class RunFolder : IDisposable
{
    protected static readonly RunId Id = new("r");

    protected RunFolder() => Ledger = new RunLedger(Folder, TimeProvider.System);

    protected string Folder { get; } = Directory.CreateTempSubdirectory().FullName;

    protected RunLedger Ledger { get; }

    protected string SampleModel { get; } = Path.Combine(Checkout(), "samples", "tiny-gemma3");

    public void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
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

    private static string Checkout()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Workflows.sln")))
        {
            directory = directory.Parent
                ?? throw new InvalidOperationException("Workflows.sln is in no folder above the tests.");
        }

        return directory.FullName;
    }
}
