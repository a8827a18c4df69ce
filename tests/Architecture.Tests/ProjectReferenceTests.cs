using System.Xml.Linq;

namespace Workflows.Architecture.Tests;

/// <summary>Who may reference whom. Changing the table is a change of the architecture: docs/architecture.md.</summary>
public sealed class ProjectReferenceTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Workflows.DurableTask.AzureManaged"] = [],
        ["Workflows.DurableTask.Sidecar"] = [],
        ["Workflows.GoogleCloud.Tpu.V2"] = [],
        ["Workflows.GoogleCloud.PubSub.V1"] = [],
        ["Workflows.GoogleCloud.TpuEmulator"] = ["Workflows.GoogleCloud.Tpu.V2"],
        ["Workflows.Translation"] = [],
        ["Workflows.ModelFiles"] = ["Workflows.Translation"],
        ["Workflows.TpuWorker.Protocol"] = [],
        ["Workflows.TpuWorker.Tensors"] = [],
        ["Workflows.TpuWorker.Onnx"] = ["Workflows.TpuWorker.Tensors"],
        ["Workflows.TpuWorker.Gemma3"] =
        [
            "Workflows.TpuWorker.Tensors", "Workflows.TpuWorker.Onnx", "Workflows.ModelFiles", "Workflows.Translation",
        ],
        ["Workflows.TpuWorker.Host"] =
        [
            "Workflows.TpuWorker.Gemma3", "Workflows.TpuWorker.Protocol", "Workflows.ModelFiles",
            "Workflows.Translation",
        ],
        ["Workflows.Orchestrations"] = [],
        ["Workflows.Activities"] =
        [
            "Workflows.Orchestrations", "Workflows.ModelFiles", "Workflows.Translation", "Workflows.GoogleCloud.Tpu.V2",
        ],
        ["Workflows.Service"] =
        [
            "Workflows.DurableTask.Sidecar", "Workflows.DurableTask.AzureManaged",
            "Workflows.Activities", "Workflows.Orchestrations", "Workflows.GoogleCloud.PubSub.V1",
            "Workflows.GoogleCloud.TpuEmulator", "Workflows.TpuWorker.Host", "Workflows.TpuWorker.Protocol",
        ],

        // The one exception to "nothing references the service": the command can hold it. See ADR 0002.
        ["Workflows.Cli"] = ["Workflows.Service"],
    };

    public static TheoryData<string> Projects => [.. Directory
        .EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)
        .Select(Repository.Relative).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void ProjectReferences_OfEverySourceProject_FollowTheTable(string project)
    {
        var document = XDocument.Load(Path.Combine(Repository.Root, project));
        var name = Path.GetFileNameWithoutExtension(project);

        var references = document.Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(
                reference.Attribute("Include")!.Value.Replace('\\', '/')));

        Assert.True(Allowed.ContainsKey(name), $"{name} is not in the table of rooms.");
        Assert.Empty(references.Except(Allowed[name]));
    }

    [Fact]
    public void Table_NamesNoProjectThatIsGone()
    {
        var names = Projects.Select(row => Path.GetFileNameWithoutExtension(row.Data));

        Assert.Empty(Allowed.Keys.Except(names));
    }
}
