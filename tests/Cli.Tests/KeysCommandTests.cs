using Workflows.Cli.Commands;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>Options of the keys, and the key that the command itself sends.</summary>
public sealed class KeysCommandTests : IDisposable
{
    private static readonly string Key = $"wfk_{new string('0', 12)}_{new string('0', 64)}";
    private readonly TemporaryFolder _folder = new("keys-");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("--role: 'king' is none of reader, runner, admin.", "make", "a", "--role", "king")]
    [InlineData("--role", "make", "a")]
    [InlineData("--expires: 'soon'", "make", "a", "--role", "admin", "--expires", "soon")]
    [InlineData("--expires: '0d'", "make", "a", "--role", "admin", "--expires", "0d")]
    [InlineData("--expires: '-1d'", "make", "a", "--role", "admin", "--expires", "-1d")]
    [InlineData("--expires: '3651d'", "make", "a", "--role", "admin", "--expires", "3651d")]
    [InlineData("--expires: '87624h'", "make", "a", "--role", "admin", "--expires", "87624h")]
    [InlineData("name", "revoke")]
    public void Parse_AWrongOption_NamesIt(string words, params string[] arguments)
    {
        var parsed = KeysCommand.Create().Parse(arguments);

        Assert.Contains(parsed.Errors, error => error.Message.Contains(words, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("3650d")]
    [InlineData("1h")]
    [InlineData("87600h")]
    public void Parse_ALifetime_IsTaken(string expires) =>
        Assert.Empty(KeysCommand.Create().Parse(["make", "a", "--role", "admin", "--expires", expires]).Errors);

    [Fact]
    public void Read_AFile_GivesItsKeyWithoutTheLineBreak() =>
        Assert.Equal(Key, CallerKey.Read(_folder.Write("key.txt", $"{Key}\r\n")));

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("two words")]
    [InlineData("two\nlines")]
    [InlineData("h\u00e9")]
    public void Read_AFileWithoutAKey_NamesTheFile(string content)
    {
        var file = _folder.Write("key.txt", content);

        var fault = Assert.Throws<CommandException>(() => CallerKey.Read(file));

        Assert.Equal(ExitCodes.Invalid, fault.ExitCode);
        Assert.Contains(file, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("two", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/no/such/file")]
    [InlineData("/dev/zero")]
    [InlineData("/")]
    public void Read_AFileThatIsNone_NamesTheOption(string file) => Assert.Contains(
        $"--key-file '{file}' cannot be used", Assert.Throws<CommandException>(() => CallerKey.Read(file)).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("http://192.0.2.1:8080")]
    [InlineData("http://workflows.example")]
    [InlineData("http://127.0.0.1.example")]
    [InlineData("http://localhost.example")]
    public void Client_ToAnotherMachineInPlainText_SendsNoKey(string address)
    {
        var fault = Assert.Throws<CommandException>(() => CallerKey.Client(new Uri(address), Key));

        Assert.Contains("plain text", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, fault.Message, StringComparison.Ordinal);
        using var without = CallerKey.Client(new Uri(address), null);
        Assert.Null(without.DefaultRequestHeaders.Authorization);
    }

    [Theory]
    [InlineData("https://workflows.example")]
    [InlineData("http://127.0.0.1:8080")]
    [InlineData("http://[::1]:8080")]
    [InlineData("http://localhost:8080")]
    public void Client_OverTlsOrOnThisMachine_SendsTheKey(string address)
    {
        using var client = CallerKey.Client(new Uri(address), Key);

        Assert.Equal($"Bearer {Key}", $"{client.DefaultRequestHeaders.Authorization}");
    }
}
