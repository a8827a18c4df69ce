using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Storage;
using Workflows.Service.Database;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Database;

/// <summary>The end of another service is noticed within seconds, and no living one is taken for ended.</summary>
public sealed class OtherServicesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly FolderState _state;

    public OtherServicesTests() => _state = new FolderState(_folder.Path);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Beat_OnceAnotherHasFallenSilent_TellsOneOfTheOthersOnce()
    {
        using var killed = Service();
        using var one = Service();
        using var two = Service();
        var (ends, endsOfTwo) = (0, 0);
        one.Ended += () => ends++;
        two.Ended += () => endsOfTwo++;
        for (var round = 0; round < 5; round++)
        {
            killed.Beat();
            one.Beat();
            two.Beat();
            _clock.Advance(OtherServices.Every);
        }

        Assert.Equal((0, 0), (ends, endsOfTwo));
        for (var silence = TimeSpan.Zero; silence <= OtherServices.Silence; silence += OtherServices.Every)
        {
            one.Beat();
            two.Beat();
            _clock.Advance(OtherServices.Every);
        }

        Assert.Equal((1, 0), (ends, endsOfTwo));
        for (var round = 0; round < 10; round++)
        {
            one.Beat();
            two.Beat();
            _clock.Advance(OtherServices.Every);
        }

        Assert.Equal((1, 0), (ends, endsOfTwo));
    }

    /// <summary>A service that stood still for a while comes back by itself; all that stood still at once take nobody
    /// for ended.</summary>
    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 1)]
    public void Beat_AfterAPause_KeepsTheLiving(bool isOneAlone, int expected)
    {
        using var one = Service();
        using var two = Service();
        var (ends, endsOfTwo) = (0, 0);
        one.Ended += () => ends++;
        two.Ended += () => endsOfTwo++;
        for (var round = 0; round < 20; round++)
        {
            var isPause = round is > 3 and < 9;
            if (!isPause || isOneAlone)
            {
                one.Beat();
            }

            if (!isPause)
            {
                two.Beat();
            }

            _clock.Advance(OtherServices.Every);
        }

        Assert.Equal((expected, 0), (ends, endsOfTwo));
        Assert.Equal(2, Encoding.UTF8.GetString(_state.Read(OtherServices.Document)!).Count(each => each == ':'));
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("[1]")]
    [InlineData("null")]
    public void Beat_OnADamagedDocument_BeginsItAnew(string content)
    {
        _state.Write(OtherServices.Document, Encoding.UTF8.GetBytes(content));
        using var one = Service();

        one.Beat();

        Assert.Matches("^\\{\"[0-9a-f]{32}\":1\\}$", Encoding.UTF8.GetString(_state.Read(OtherServices.Document)!));
    }

    private OtherServices Service() => new(_state, _clock, NullLogger<OtherServices>.Instance);
}
