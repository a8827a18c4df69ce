using Workflows.Activities.Provisioning;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Provisioning;

public sealed class NodeSecretsTests : IDisposable
{
    private static readonly RunId Run = new("run-1");
    private static readonly NodeName Node = NodeName.Of("p", "us-west4-a", "wf-run-1-1");
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    private string Key => Path.Combine(_folder, "service.key");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void For_AfterARestart_IsTheSameSecret()
    {
        var first = new NodeSecrets(_folder).For(Run, Node);

        Assert.Equal(first, new NodeSecrets(_folder).For(Run, Node));
        Assert.Matches("^[0-9a-f]{64}$", first);
    }

    [Fact]
    public void Key_MadeBySeveralAtOnce_IsOneForAll()
    {
        for (var round = 0; round < 20; round++)
        {
            var folder = Path.Combine(_folder, $"round-{round}");
            var secrets = new string[8];
            Parallel.For(0, secrets.Length, each => secrets[each] = new NodeSecrets(folder).For(Run, Node));

            Assert.Single(secrets.Distinct());
            Assert.Equal(["service.key"], Directory.GetFiles(folder).Select(Path.GetFileName));
        }
    }

    [Fact]
    public void For_AnotherServiceRunOrNode_IsAnotherSecret()
    {
        var secrets = new NodeSecrets(_folder);
        var other = Directory.CreateTempSubdirectory().FullName;

        string[] all =
        [
            secrets.For(Run, Node), secrets.For(new RunId("run-2"), Node),
            secrets.For(Run, NodeName.Of("p", "us-west4-a", "wf-run-1-2")), new NodeSecrets(other).For(Run, Node),
        ];

        Assert.Equal(4, all.Distinct().Count());
        Directory.Delete(other, recursive: true);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0000")]
    [InlineData("비밀")]
    public void IsRight_OfAnotherText_IsFalse(string text)
    {
        var secrets = new NodeSecrets(_folder);

        Assert.False(secrets.IsRight(Run, Node, text));
        Assert.False(secrets.IsRight(Run, Node, secrets.For(Run, Node).ToUpperInvariant() + "x"));
        Assert.True(secrets.IsRight(Run, Node, secrets.For(Run, Node)));
    }

    [Fact]
    public void Key_OfTheService_IsReadableByItsOwnerAlone()
    {
        _ = new NodeSecrets(_folder);

        Assert.Equal(32, new FileInfo(Key).Length);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Key));
        }
    }

    /// <summary>Its maker ended before it wrote it: nobody has used it.</summary>
    [Fact]
    public void Key_ThatIsEmpty_IsMade()
    {
        File.WriteAllBytes(Key, []);

        var secret = new NodeSecrets(_folder).For(Run, Node);

        Assert.Equal(32, new FileInfo(Key).Length);
        Assert.Equal(secret, new NodeSecrets(_folder).For(Run, Node));
    }

    [Fact]
    public void Key_ThatWasCut_IsNamedWithItsLength()
    {
        File.WriteAllBytes(Key, new byte[31]);

        var fault = Assert.Throws<InvalidDataException>(() => new NodeSecrets(_folder));

        Assert.Contains(Key, fault.Message, StringComparison.Ordinal);
        Assert.Contains("31 bytes, expected 32", fault.Message, StringComparison.Ordinal);
    }
}
