namespace Holdfast.Parity.Kernels;

/// <summary>Multiplies vectors of shards by a matrix: output r = sum over inputs of row r's coefficient times the input.</summary>
/// <remarks>Inner loops are compiled once, optimised: code for such instructions cannot be compiled before, and would run unoptimised until it has been called often.</remarks>
internal interface IKernel
{
    string Name { get; }

    /// <summary>Addresses need no alignment; outputs must not overlap inputs.</summary>
    void Multiply(Coefficients rows, ReadOnlySpan<nint> inputs, ReadOnlySpan<nint> outputs, int length);
}
