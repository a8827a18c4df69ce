using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Storage;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Storage;

public sealed class RecentlyUsedTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Get_OfMoreFilesThanAreKept_ReadsThemAgainAndKeepsKeysUnique()
    {
        var files = Files(4);
        for (var each = 0; each < 20; each++)
        {
            Assert.True(Open(files, each).Append(Fact("first")));
        }

        // Those that were let go of may be collected now, and are read from their files.
        GC.Collect();
        for (var each = 0; each < 20; each++)
        {
            Assert.False(Open(files, each).Append(Fact("first")));
            Assert.True(Open(files, each).Append(Fact("second")));
            Assert.Equal(["first", "second"], Open(files, each).Snapshot().Select(fact => fact.Key));
        }
    }

    [Fact]
    public void Get_OfAFileThatIsInUse_ReturnsTheSameAfterItIsNotKeptAnyMore()
    {
        var files = Files(4);
        var used = Open(files, 0);
        var collected = OpenMany(files);

        GC.Collect();

        // Two of one file would be two locks.
        Assert.Same(used, Open(files, 0));
        Assert.Contains(collected, each => !each.TryGetTarget(out _));
    }

    [Fact]
    public void Get_ByManyAtOnce_WritesEachKeyOnce()
    {
        var files = Files(3);
        var written = 0;
        Parallel.For(0, 400, each =>
        {
            if (Open(files, each % 10).Append(Fact((each / 10 % 4).ToString(CultureInfo.InvariantCulture))))
            {
                Interlocked.Increment(ref written);
            }
        });

        Assert.Equal(40, written);
        Assert.All(Enumerable.Range(0, 10), each => Assert.Equal(4, Open(files, each).Snapshot().Count));
    }

    [Fact]
    public void Forget_OfAFileThatWasDeleted_BeginsAnew()
    {
        var files = Files(10);
        Open(files, 0).Append(Fact("first"));
        File.Delete(_folder["0"]);

        files.Forget("0");

        Assert.Empty(Open(files, 0).Snapshot());
    }

    /// <summary>A purge between the look for a file and its use must not make two of one name.</summary>
    [Fact]
    public void Get_OfAFileThatIsForgottenMeanwhile_ReturnsTheOneThatAllOthersGet()
    {
        RecentlyUsed<FactFile>? files = null;
        var opened = 0;
        files = new RecentlyUsed<FactFile>(
            name =>
            {
                if (++opened == 1)
                {
                    files!.Forget(name);
                }

                return new FactFile(_folder[name]);
            },
            4);

        var file = Open(files, 0);

        Assert.Equal(2, opened);
        Assert.Same(file, Open(files, 0));
        Assert.Equal(2, opened);
    }

    // A method of its own, so that no variable of it keeps a file.
    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static List<WeakReference<FactFile>> OpenMany(RecentlyUsed<FactFile> files) =>
        [.. Enumerable.Range(1, 20).Select(each => new WeakReference<FactFile>(Open(files, each)))];

    private RecentlyUsed<FactFile> Files(int most) => new(name => new FactFile(_folder[name]), most);

    private static FactFile Open(RecentlyUsed<FactFile> files, int number) =>
        files.Get(number.ToString(CultureInfo.InvariantCulture));

    private static LedgerEntry Fact(string key) =>
        new(DateTimeOffset.UnixEpoch, "kind", key, JsonSerializer.SerializeToElement(key));
}
