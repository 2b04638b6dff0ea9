namespace Holdfast.Parity.Kernels;

/// <summary>The kernels that this processor can run, fastest first.</summary>
internal static class KernelChoice
{
    public static IReadOnlyList<IKernel> Supported { get; } = [.. Candidates()];

    public static IKernel Fastest => Supported[0];

    private static IEnumerable<IKernel> Candidates()
    {
        if (Gfni512Kernel.IsSupported)
        {
            yield return new Gfni512Kernel();
        }

        if (Avx2Kernel.IsSupported)
        {
            yield return new Avx2Kernel();
        }

        if (NeonKernel.IsSupported)
        {
            yield return new NeonKernel();
        }

        yield return new ScalarKernel();
    }
}
