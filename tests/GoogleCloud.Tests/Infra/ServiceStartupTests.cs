using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Infra;

/// <summary>
/// The start-up script of the service's VM, with stand-ins for the cloud and for everything that needs root. Each
/// writes down its call; a file is the disk.
/// </summary>
public sealed class ServiceStartupTests
{
    private const int Mebibyte = 1 << 20;
    private const string Image = "europe-docker.pkg.dev/p/r/workflows-service:1";

    private static readonly byte[] EmptyDisk = new byte[2 * Mebibyte];
    private static readonly string[] Secrets = ["gateway-certificate", "gateway-key", "hugging-face-token"];

    [Fact]
    public async Task EmptyDisk_GetsAFileSystem_AndTheServiceStarts()
    {
        using var machine = new Machine(EmptyDisk);

        var (code, error, log) = await machine.BootAsync();

        Assert.True(code == 0, error);
        Assert.Matches(
            "(?s)mkfs.ext4 .*\nmount .*\ndocker login .*\ndocker pull .*\nsystemctl restart workflows\n", log);
        Assert.Contains($"docker pull {Image}\n", log, StringComparison.Ordinal);
        Assert.Contains("iptables -w -C INPUT -p tcp --dport 8443 -j ACCEPT\n", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DiskWithAFileSystem_IsMountedAndNeverFormatted()
    {
        var disk = (byte[])EmptyDisk.Clone();
        disk[1080] = 0x53;
        using var machine = new Machine(disk);

        var (code, error, log) = await machine.BootAsync();

        Assert.True(code == 0, error);
        Assert.DoesNotContain("mkfs", log, StringComparison.Ordinal);
        Assert.Matches("(?s)fsck.ext4 -p .*\nmount ", log);
    }

    [Theory]
    [InlineData("fsck.ext4", "exit 8", "It was left")]
    [InlineData("mount", "exit 32", "It was left")]
    public async Task DiskWithSomethingElse_IsLeftAsItIs(string program, string answer, string expected)
    {
        using var machine = new Machine([1, .. EmptyDisk]);
        machine.Stub(program, answer);

        var (code, error, log) = await machine.BootAsync();

        Assert.Equal(78, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain("mkfs", log, StringComparison.Ordinal);
        Assert.DoesNotContain("systemctl", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DiskThatIsMissing_IsNamed()
    {
        using var machine = new Machine(disk: null);

        var (code, error, _) = await machine.BootAsync();

        Assert.Equal(78, code);
        Assert.Contains("google-workflows-data", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_AreFilesInMemory_AndInNoSettingAndNoArgument()
    {
        using var machine = new Machine(EmptyDisk);

        var (code, error, log) = await machine.BootAsync();

        Assert.True(code == 0, error);
        foreach (var name in Secrets)
        {
            Assert.Equal($"value of {name}?>~", machine.Read($"run/workflows/secrets/{name}"));
        }

        var rest = log + machine.Read("run/workflows/environment")
            + machine.Read("etc/systemd/system/workflows.service");
        Assert.DoesNotContain("value of", rest, StringComparison.Ordinal);
        Assert.DoesNotContain("the-token", rest, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_OfTheMachine_CountAfterTerraforms()
    {
        using var machine = new Machine(EmptyDisk);
        machine.Attributes["workflows-environment"] =
            "Workflows__GatewayPort=9443\nWorkflows__Access__Authentication=false\n";

        var (code, error, log) = await machine.BootAsync();

        Assert.True(code == 0, error);
        var last = machine.Read("run/workflows/environment").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('=', 2)).GroupBy(pair => pair[0])
            .ToDictionary(group => group.Key, group => group.Last()[1]);
        Assert.Equal("true", last["Workflows__Access__Authentication"]);
        Assert.Equal("http://127.0.0.1:8080", last["ASPNETCORE_URLS"]);
        Assert.Contains("--dport 9443 ", log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gateway-key", 78)]
    [InlineData("gateway-certificate", 78)]
    [InlineData("hugging-face-token", 0)]
    public async Task SecretWithoutAVersion_IsNamed_AndOnlyTheGatewaysAreNeeded(string name, int expected)
    {
        using var machine = new Machine(EmptyDisk);
        machine.Values.Remove(name);

        var (code, error, _) = await machine.BootAsync();

        Assert.Equal(expected, code);
        Assert.Contains($"w-{name}", error, StringComparison.Ordinal);
        Assert.False(machine.Has($"run/workflows/secrets/{name}") && expected == 0);
    }

    [Theory]
    [InlineData("workflows-image", "workflows-image")]
    [InlineData("workflows-project", "workflows-project")]
    [InlineData("workflows-environment", "Workflows__GatewayPort")]
    public async Task AttributeThatIsMissing_IsNamed(string attribute, string expected)
    {
        using var machine = new Machine(EmptyDisk);
        machine.Attributes.Remove(attribute);

        var (code, error, log) = await machine.BootAsync();

        Assert.Equal(78, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain("systemctl", log, StringComparison.Ordinal);
    }

    private sealed class Machine : IDisposable
    {
        private readonly TemporaryFolder _folder = new("service-startup-");

        public Machine(byte[]? disk)
        {
            foreach (var folder in new[] { "bin", "cloud", "root/dev/disk/by-id" })
            {
                Directory.CreateDirectory(_folder[folder]);
            }

            if (disk is not null)
            {
                File.WriteAllBytes(_folder["root/dev/disk/by-id/google-workflows-data"], disk);
            }

            string[] programs =
            [
                "mount", "mkfs.ext4", "fsck.ext4", "resize2fs", "chown", "docker", "systemctl", "iptables",
            ];
            foreach (var program in programs)
            {
                Stub(program, "");
            }

            Stub("mountpoint", "exit 1");
        }

        public Dictionary<string, string> Attributes { get; } = new()
        {
            ["workflows-image"] = Image,
            ["workflows-project"] = "p",
            ["workflows-secrets"] = "w",
            ["workflows-environment"] = "Workflows__GatewayPort=8443\n",
        };

        public Dictionary<string, string> Values { get; } =
            Secrets.ToDictionary(name => name, name => $"value of {name}?>~");

        public void Dispose() => _folder.Dispose();

        public string Read(string path) => File.ReadAllText(_folder[$"root/{path}"]);

        public bool Has(string path) => File.Exists(_folder[$"root/{path}"]);

        /// <summary>Puts a program into the script's path that writes down its call.</summary>
        public void Stub(string program, string text)
        {
            var path = _folder.Write(
                $"bin/{program}", $"#!/bin/bash\necho \"{program} $*\" >>'{_folder["log"]}'\n{text}\n");
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }

        public async Task<(int Code, string Error, string Log)> BootAsync()
        {
            foreach (var (name, value) in Attributes)
            {
                _folder.Write($"cloud/{name}", value);
            }

            _folder.Write("cloud/token", """{"access_token": "the-token", "expires_in": 3599}""");
            foreach (var (name, value) in Values)
            {
                var data = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(value));
                _folder.Write($"cloud/secret-{name}", $$"""
                    {
                      "name": "n",
                      "payload": {
                        "data": "{{data}}",
                        "dataCrc32c": "1"
                      }
                    }
                    """);
            }

            // A secret is answered to the token alone, which comes on the standard input.
            Stub("curl", $"""
                for last; do :; done
                case "$last" in
                  https://secretmanager.googleapis.com/v1/projects/p/secrets/w-*/versions/latest:access)
                    grep -q 'Bearer the-token' || exit 22
                    name="$(echo "$last" | sed 's,.*/w-,,; s,/.*,,')"
                    cat '{_folder["cloud"]}'/secret-"$name" 2>/dev/null || exit 22 ;;
                  *) cat '{_folder["cloud"]}'/"$(basename "$last")" 2>/dev/null || exit 22 ;;
                esac
                """);
            var answer = await Command.RunAsync(
                "bash", [Checkout.PathOf("infra", "service-startup.sh")],
                new Dictionary<string, string>
                {
                    ["PATH"] = $"{_folder["bin"]}:{Environment.GetEnvironmentVariable("PATH")}",
                    ["WORKFLOWS_ROOT"] = _folder["root"],
                    ["WORKFLOWS_RETRY_SECONDS"] = "0",
                });
            var log = File.Exists(_folder["log"]) ? await File.ReadAllTextAsync(_folder["log"]) : "";
            return (answer.ExitCode, answer.Error, log);
        }
    }
}
